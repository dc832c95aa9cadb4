"""The peers' servers of one model, run by their own interpreters: serving.py (fastapi|mlflow) COLUMNS TREES."""

import socket
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import uvicorn
from sklearn.ensemble import HistGradientBoostingClassifier

peer, columns, trees = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = np.random.default_rng(0)
frame = pd.DataFrame(rng.normal(size=(20_000, columns)), columns=[f"f{i}" for i in range(columns)])
target = frame.sum(axis=1) + rng.normal(size=len(frame)) > 0
model = HistGradientBoostingClassifier(max_iter=trees, early_stopping=False).fit(frame, target)


def by_hand():
    """What a team writes in an afternoon: one path, a frame of one row, predict_proba."""
    from fastapi import FastAPI

    app = FastAPI()

    @app.post("/decide")
    def decide(row: dict[str, float]) -> dict[str, float]:
        return {"score": float(model.predict_proba(pd.DataFrame([row], columns=frame.columns))[0, 1])}

    return app


def by_mlflow():
    """MLflow's scoring server in this process: the least it can cost, without the process that starts workers."""
    import mlflow.pyfunc
    import mlflow.sklearn
    from mlflow.pyfunc import scoring_server

    folder = Path(tempfile.mkdtemp()) / "model"
    mlflow.sklearn.save_model(model, str(folder), serialization_format="cloudpickle")
    return scoring_server.init(mlflow.pyfunc.load_model(str(folder)))


app = by_hand() if peer == "fastapi" else by_mlflow()
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(128)
print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run(sockets=[listener])
