"""The reading page: answers to the same questions side by side, for people to read and to vote on unseen."""
