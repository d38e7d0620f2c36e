"""What lives in a notebook: controls, and the picture and sentence that follow them.

To read: `picture`, then any explorer.
"""
