"""Each chapter as a notebook that runs anywhere."""
