"""Directives about the guards on acts."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace

from faultwire.domain.explaining import explain
from faultwire.domain.faults import ACTS_REFUSED
from faultwire.domain.guard_commands import ActOnFault, RemoveWindow, SaveWindow, SetHold
from faultwire.domain.guarding import Sign, Window, WindowKind
from faultwire.domain.ids import FaultId, HostName
from faultwire.inspector import guard_settings
from faultwire.testing.chain import ACTOR, InProcess
from tests.scenarios import shown

Words = list[str]
Options = Mapping[str, str]

_NS = 1_000_000_000


class Guarded:
    """The part of a world that operators and guards see."""

    _product: InProcess
    _faults: dict[FaultId, str]

    def _fault(self, name: str) -> FaultId:
        return next(fault for fault, known in self._faults.items() if known == name)

    def _do_guards(self, words: Words, options: Options, body: str) -> Iterator[str]:
        """`guards KEY=VALUE...`: settings of the guards on acts."""
        known = {one.name: type(one.default) for one in fields(guard_settings.Settings)}
        news = {key: known[key](value) for key, value in options.items()}
        owed = self._product.deliveries
        settings = replace(self._product.guards.settings, **news)  # type: ignore[arg-type]
        self._product = self._product.restart(guards=settings)
        self._product.deliveries.extend(owed)
        yield from ()

    def _do_hear(self, words: Words, options: Options, body: str) -> Iterator[str]:
        """`hear HOST SOURCE WORDS...`: somebody hears a host; without a source nobody does."""
        host, *said = words
        signs = (Sign(said[0], " ".join(said[1:])),) if said else ()
        self._product.signs[HostName(host)] = signs
        yield from ()

    def _do_hold(self, words: Words, options: Options, body: str) -> Iterator[str]:
        """`hold [release]`: an operator holds all acts, or lets them go on."""
        self._product.run(SetHold("release" not in words, "", ACTOR))
        yield from ()

    def _do_window(self, words: Words, options: Options, body: str) -> Iterator[str]:
        """`window ID maintenance|silence from=S to=S KEY=VALUE...`: seconds from now."""
        about = dict(options)
        now = self._product.clock.wall_ns()
        begins, ends = (now + int(about.pop(key)) * _NS for key in ("from", "to"))
        window = Window(words[0], WindowKind(words[1]), begins, ends, about)
        kept = self._product.run(SaveWindow(window, ACTOR))
        assert isinstance(kept, Window)
        yield f"{kept.id} {kept.words}"

    def _do_unwindow(self, words: Words, options: Options, body: str) -> Iterator[str]:
        self._product.run(RemoveWindow(words[0], ACTOR))
        yield from ()

    def _do_act(self, words: Words, options: Options, body: str) -> Iterator[str]:
        """`act F1`: an operator wants done what was refused."""
        self._product.run(ActOnFault(self._fault(words[0]), ACTOR))
        yield from ()

    def _show_explanation(self, name: str) -> Iterator[str]:
        """`show explanation F1`: a fault in words."""
        found = explain(self._product.fault(self._fault(name)))
        yield shown._named(found.summary, self._faults)
        for section in found.sections:
            for line in section.lines:
                yield f"{section.title}: {shown._named(line, self._faults)}"

    def _show_refused(self) -> Iterator[str]:
        """`show refused`: what administrators are told of guards."""
        for fault in self._product.indexes.holds.live_of((ACTS_REFUSED,)):
            yield f"{fault.resource['guard']}: {fault.repeats + 1} refused"
            for one in fault.evidence:
                yield f"  {one.details['act']} {one.details['host']}: {one.details['words']}"
