"""`make doctor`: the settings checked against the real parts they name, a line each."""
