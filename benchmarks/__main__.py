"""All measurements, or those that are named: `python -m benchmarks [answer] [flight] [reconnect] [tick] [sky] …`."""

import argparse
import sys

from benchmarks import (
    answer,
    cases,
    charts,
    checking,
    complete,
    findings,
    flight,
    forecasts,
    masking,
    memory,
    reading,
    reconnect,
    sky,
    spend,
    takeover,
    tick,
)

MEASUREMENTS = {
    "answer": answer.measure,
    "flight": flight.measure,
    "reconnect": reconnect.measure,
    "tick": tick.measure,
    "sky": sky.measure,
    "memory": memory.measure,
    "complete": complete.measure,
    "reading": reading.measure,
    "forecasts": forecasts.measure,
    "findings": findings.measure,
    "masking": masking.measure,
    "checking": checking.measure,
    "charts": charts.measure,
    "spend": spend.measure,
    "cases": cases.measure,
    "takeover": takeover.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Print ratios against named baselines.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all of them by default: {', '.join(MEASUREMENTS)}")
    names = parser.parse_args().names
    if unknown := [name for name in names if name not in MEASUREMENTS]:
        parser.error(f"there is no {unknown[0]!r}; there are {', '.join(MEASUREMENTS)}")
    for name in names or MEASUREMENTS:
        print(f"\n== {name}: {sys.modules[f'benchmarks.{name}'].__doc__}")
        MEASUREMENTS[name]()


if __name__ == "__main__":
    main()
