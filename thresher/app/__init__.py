"""What joins the four packages: the pipeline, the command line and the report."""
