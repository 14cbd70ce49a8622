"""What instructors and caretakers run: executing the notebooks, and making pages of them."""
