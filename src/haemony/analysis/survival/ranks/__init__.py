"""How well a score orders patients."""
