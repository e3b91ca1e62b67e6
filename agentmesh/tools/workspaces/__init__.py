"""Where agents work on files: the folder, the tools that act on it, and what becomes of finished work."""
