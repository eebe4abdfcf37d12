"""`make doctor`: checks the settings against the real parts they name, one line each."""
