"""Files and history make a plan. All of it is pure: no clock, no connection."""
