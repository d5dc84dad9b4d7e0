"""The palette: every action that works here, by name, from the registry."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from agentgate_tui.actions import Action, actions_in
from agentgate_tui.keys import shown_keys
from agentgate_tui.screens.base import ConsoleScreen


class ActionPalette(Provider):
    """Offers what the screen under the palette offers. Prompts are `Content`: a `str` would be read as markup."""

    def _actions(self) -> list[Action]:
        screen = self.screen
        if not isinstance(screen, ConsoleScreen):
            return []
        found = actions_in(*screen.SCOPES)
        return [action for action in found if screen.offers(action.id) and "{key}" not in action.runs]

    def _prompt(self, action: Action) -> Content:
        return Content(f"{action.title}: {action.help}  [{shown_keys(action.keys)}]")

    async def discover(self) -> Hits:
        for action in self._actions():
            yield DiscoveryHit(self._prompt(action), partial(self.screen.run_action, action.runs), text=action.title)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action in self._actions():
            score = matcher.match(f"{action.title} {action.help}")
            if score > 0:
                yield Hit(score, self._prompt(action), partial(self.screen.run_action, action.runs), text=action.title)
