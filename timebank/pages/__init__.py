"""The pages of the time bank: one's hours, giving, the solidarity pot, the treasury."""

from timebank.pages import contests, entries, giving, hours, letters, pot, pot_requests, treasury, write_offs

PAGES = [
    *hours.PAGES,
    *giving.PAGES,
    *entries.PAGES,
    *contests.PAGES,
    *letters.PAGES,
    *pot.PAGES,
    *pot_requests.PAGES,
    *treasury.PAGES,
    *write_offs.PAGES,
]
