"""Who is alive: engines that judge signs of life, with time as an argument."""
