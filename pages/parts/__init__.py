"""What several pages draw with, and what they ask of the browser tab."""
