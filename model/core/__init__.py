"""The ground floor: what every mechanism stands on and what knows none of them. Actors and their sleep live here."""
