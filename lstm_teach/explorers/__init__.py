"""Controls, and the picture and sentence that follow them: read `picture`, then any explorer."""
