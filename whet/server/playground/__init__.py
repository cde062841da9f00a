"""The playground: models that the page talks to, each in a process of its own, and what people say of answers."""
