"""``chainrule list``: the experiments."""

from __future__ import annotations

from chainrule.commands.output import AsJson, print_json


def list_experiments(as_json: AsJson = False) -> None:
    """List the experiments.

    \b
    chainrule list
    chainrule list --json
    """
    from chainrule.experiments import registry

    experiments = [registry.get(name) for name in registry.names()]
    if as_json:
        fields = ("name", "title", "document", "question", "needs")
        print_json(
            [{field: getattr(experiment, field) for field in fields} for experiment in experiments]
        )
        return
    from chainrule.reporting.console import print_table

    print_table(
        ["experiment", "source", "shows", "needs"],
        [
            [each.name, f"{each.document} {each.question}", each.title, ", ".join(each.needs)]
            for each in experiments
        ],
        fixed=2,
    )
