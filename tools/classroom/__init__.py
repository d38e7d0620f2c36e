"""What a class costs: a real JupyterHub on this machine, and learners who all run one notebook."""
