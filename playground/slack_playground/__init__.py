"""A private Slack on loopback: a small server that speaks Slack's protocols to any Bolt app.

It serves the demo and the tests. The workspace holds what people see; the Web API, Socket Mode and
signed HTTP are how an app meets it; the control API is how people, or a page, or a test, do.
"""
