"""How people and programs reach haemony: today the command line."""
