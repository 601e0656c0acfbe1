"""The pages of the time bank: one's hours, giving, the solidarity pot, the treasury."""

from timebank.pages import entries, giving, hours, letters, pot, pot_requests, treasury, write_offs

PAGES = [
    *hours.PAGES,
    *giving.PAGES,
    *entries.PAGES,
    *letters.PAGES,
    *pot.PAGES,
    *pot_requests.PAGES,
    *treasury.PAGES,
    *write_offs.PAGES,
]
