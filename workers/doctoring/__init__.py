"""What `make doctor` looks at, and in what words it tells."""
