"""The rules of a review, one record each."""
