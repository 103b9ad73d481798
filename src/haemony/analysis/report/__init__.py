def files(e): return {}
