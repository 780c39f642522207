"""A throwaway database built from the folder of migrations."""
