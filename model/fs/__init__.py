"""File systems: what they answer memory management, and their journals. Which one a disk has is its description's."""
