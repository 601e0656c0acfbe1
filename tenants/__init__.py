"""The ground floor: cooperatives, people, mandates, rules, the register, and (in ``platform``) the cellar."""
