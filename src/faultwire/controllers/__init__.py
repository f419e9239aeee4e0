"""Controllers make a plan true: embedded as rows of the same commit, or in a cloud by its APIs."""
