"""Unseen files: equations in time steps, with the adjoint run backwards."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.unseen_parts import written


def adjoints() -> Iterator[Case]:
    yield from written(
        "predator-prey-adjoint",
        """
import numpy as np


def rhs(u, p):
    x, y = u
    return np.array([p[0] * x - p[1] * x * y, p[3] * x * y - p[2] * y])


def solve(u0, p, dt, steps):
    us = [u0]
    for _ in range(steps):
        us.append(us[-1] + dt * rhs(us[-1], p))
    return np.array(us)


def loss(u0, p, dt, data):
    us = solve(u0, p, dt, len(data))
    return 0.5 * dt * np.sum((us[1:] - data) ** 2)


def gradient(u0, p, dt, data):
    us = solve(u0, p, dt, len(data))
    adj = np.zeros(2)
    dp = np.zeros(4)
    for k in range(len(data), 0, -1):
        adj = adj + dt * (us[k] - data[k - 1])
        x, y = us[k - 1]
        J = np.array([[p[0] - p[1] * y, -p[1] * x], [p[3] * y, p[3] * x - p[2]]])
        dfdp = np.array([[x, -x * y, 0, 0], [0, 0, -y, x * y]])
        dp += dt * dfdp.T @ adj
        adj = adj + dt * J.T @ adj
    return {"u0": adj, "p": dp}


def example():
    t = np.arange(1, 9)
    data = np.c_[1.5 + np.sin(0.7 * t), 1.2 + 0.8 * np.cos(0.7 * t)]
    p = np.array([1.1, 0.6, 0.9, 0.5])
    return {"u0": np.array([1.4, 0.9]), "p": p, "dt": 0.15, "data": data}
""",
        [
            ("G702|G701", "adj = adj + dt * J.T @ adj", "adj = adj + dt * J @ adj"),
            ("G801|G908", "adj = adj + dt * J.T @ adj", "adj = dt * J.T @ adj"),
            ("G703|G000", "x, y = us[k - 1]", "x, y = us[k]"),
            ("G206|G000", "dp += dt * dfdp.T @ adj", "dp += dfdp.T @ adj"),
            ("G205", "[0, 0, -y, x * y]", "[0, 0, y, x * y]"),
            (
                "G908|G801",
                "adj = adj + dt * (us[k] - data[k - 1])",
                "adj = dt * (us[k] - data[k - 1])",
            ),
            (
                "G206|G000",
                "adj = adj + dt * (us[k] - data[k - 1])",
                "adj = adj + (us[k] - data[k - 1])",
            ),
        ],
        [
            [("adj = adj + dt * J.T @ adj", "adj = (np.eye(2) + dt * J).T @ adj")],
        ],
        [
            (
                "G703|G000",
                "        dp += dt * dfdp.T @ adj\n        adj = adj + dt * J.T @ adj\n",
                "        adj = adj + dt * J.T @ adj\n        dp += dt * dfdp.T @ adj\n",
                "dp += dt * dfdp.T @ adj",
            ),
        ],
    )
    yield from written(
        "conductivity-from-temperatures",
        """
import numpy as np


def march(k, u0, dt, dx, nt):
    u = u0.copy()
    history = [u]
    for n in range(nt):
        flux = k * (u[1:] - u[:-1]) / dx
        new = u.copy()
        new[1:-1] += dt / dx * (flux[1:] - flux[:-1])
        u = new
        history.append(u)
    return history


def loss(k, u0, measured, dt, dx, nt, reg):
    u = march(k, u0, dt, dx, nt)[-1]
    return np.sum((u - measured) ** 2) + reg * np.sum(np.diff(k) ** 2)


def gradient(k, u0, measured, dt, dx, nt, reg):
    history = march(k, u0, dt, dx, nt)
    lam = 2 * (history[-1] - measured)
    gk = np.zeros_like(k)
    for n in range(nt - 1, -1, -1):
        u = history[n]
        gflux = np.zeros_like(k)
        gflux[1:] += dt / dx * lam[1:-1]
        gflux[:-1] -= dt / dx * lam[1:-1]
        gk += gflux * (u[1:] - u[:-1]) / dx
        glam = lam.copy()
        glam[1:] += k * gflux / dx
        glam[:-1] -= k * gflux / dx
        lam = glam
    step = np.diff(k)
    gk[1:] += 2 * reg * step
    gk[:-1] -= 2 * reg * step
    return {"k": gk, "u0": lam}


def example():
    x = np.linspace(0, 1, 8)
    return {
        "k": 0.8 + 0.5 * np.sin(3 * x[:-1]),
        "u0": np.exp(-20 * (x - 0.4) ** 2),
        "measured": 0.3 + 0.1 * np.cos(5 * x),
        "dt": 0.004,
        "dx": x[1] - x[0],
        "nt": 6,
        "reg": 0.05,
    }
""",
        [
            ("G703|G000", "u = history[n]", "u = history[n + 1]"),
            ("G205", "gflux[:-1] -= dt / dx * lam[1:-1]", "gflux[:-1] += dt / dx * lam[1:-1]"),
            ("G802|G801|G908", "gk += gflux * (u", "gk = gflux * (u"),
            ("G908|G801", "        glam = lam.copy()", "        glam = np.zeros_like(lam)"),
            ("G302|G204", "gk[1:] += 2 * reg * step", "gk[1:] += reg * step"),
            ("G801", "glam[:-1] -= k * gflux / dx", "glam[:-1] = -k * gflux / dx"),
            ("G303|G205", "gk[:-1] -= 2 * reg * step", "gk[:-1] += 2 * reg * step"),
        ],
        [
            [("gk += gflux * (u[1:] - u[:-1]) / dx", "gk += gflux * np.diff(u) / dx")],
            [("        glam = lam.copy()", "        glam = lam")],
        ],
    )
    yield from written(
        "thrust-planning",
        """
import numpy as np


def simulate(u, start, dt, drag):
    pos, vel = start
    track = [(pos, vel)]
    for thrust in u:
        acc = thrust - drag * vel * abs(vel) - 1.0
        pos, vel = pos + dt * vel, vel + dt * acc
        track.append((pos, vel))
    return track


def loss(u, start, goal, dt, drag, rho):
    pos, vel = simulate(u, start, dt, drag)[-1]
    effort = dt * np.sum(u**2)
    return 0.5 * (pos - goal) ** 2 + 0.5 * vel**2 + rho * effort


def gradient(u, start, goal, dt, drag, rho):
    track = simulate(u, start, dt, drag)
    pos, vel = track[-1]
    p, v = pos - goal, vel
    du = np.zeros_like(u)
    ddrag = 0.0
    for k in range(len(u) - 1, -1, -1):
        _, vel = track[k]
        du[k] = dt * v
        ddrag -= dt * v * vel * abs(vel)
        v = v + dt * p - dt * v * 2 * drag * abs(vel)
    du += 2 * rho * dt * u
    return {"u": du, "drag": ddrag}


def example():
    return {
        "u": np.array([1.9, 1.7, 1.2, 0.8, 0.6, 1.1]),
        "start": np.array([0.6, -0.9]),
        "goal": 1.5,
        "dt": 0.2,
        "drag": 0.4,
        "rho": 0.1,
    }
""",
        [
            ("G703|G000", "_, vel = track[k]", "_, vel = track[k + 1]"),
            ("G302|G206", "du += 2 * rho * dt * u", "du += 2 * rho * u"),
            ("G204|G403", "- dt * v * 2 * drag * abs(vel)", "- dt * v * drag * abs(vel)"),
            ("G801|G908", "v = v + dt * p - dt", "v = v - dt"),
            ("G205", "ddrag -= dt", "ddrag += dt"),
            ("G403|G205", "- dt * v * 2 * drag * abs(vel)", "- dt * v * 2 * drag * vel"),
        ],
        [
            [("du += 2 * rho * dt * u", "du = du + rho * dt * (u + u)")],
        ],
    )
