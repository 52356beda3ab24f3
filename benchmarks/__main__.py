"""All measurements, or those that are named: `python -m benchmarks [answer] [flight] [reconnect] [tick] [sky] …`."""

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
    for name in sys.argv[1:] or MEASUREMENTS:
        print(f"\n== {name}: {sys.modules[f'benchmarks.{name}'].__doc__}")
        MEASUREMENTS[name]()


if __name__ == "__main__":
    main()
