"""Models at work: adapted, aligned, looked up for, served and watched."""
