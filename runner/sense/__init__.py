"""What a conclusion hangs on: Morris screening and Sobol indices over numeric parameters of a cell."""
