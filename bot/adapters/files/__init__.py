"""Files that people write: recipes, policies, prices, rules and patterns."""
