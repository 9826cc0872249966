"""How each dialect goes over HTTP: what a call must carry, what is checked first, how it is answered."""
