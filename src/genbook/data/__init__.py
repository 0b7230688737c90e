"""p_data: what we observe. One file a data set; each knows its truth if it has one."""
