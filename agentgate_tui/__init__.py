"""The console: screens, widgets and the one place that turns a changed store into redrawn rows.

It reads through `views` and the store's readers and acts through `commands`; it never imports the executor or the
orchestrator, and it keeps nothing that a restart would lose. What could be told without a terminal (wording, layout of
facts, classification) belongs in `agentgate_engine.views`, so that every screen has a headless twin.
"""
