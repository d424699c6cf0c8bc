"""An LSTM plays the blues: does it keep the round of the chords, and does it keep the tune?

Setting.  lstmkit/tasks/blues.py: twelve bars of chords, the same in every chorus, and a melody whose second line
repeats the first, which is new in each chorus.  The network, "LSTM" with a forget bias of 1 or "LSTM chrono" with
biases for memories of up to a chorus, reads chord and note and foretells the next of both; Adam on pieces of two
choruses, the state carried from piece to piece, the learning rate chosen on fresh pieces (on the live scale: before).
Then it plays by itself: it hears one real chorus, and from there on reads what it has played, the likeliest chord and
a note drawn from its probabilities.

The rival, "4-gram", counts what followed the last three pairs of chord and note in the same pieces, fewer where these
three are new, and plays by drawing from its counts.  It knows the neighbourhood and no form.

Judged: the form, how many whole choruses the chords are right, step by step, before the first slip; the neighbourhood,
how far the shares of the pairs of successive notes are from the real ones (half the sum of the differences, 0 for the
same, 1 for disjoint); and the tune, how many notes of second lines repeat the first, against what two unrelated first
and second lines share.  Last, the forget gate, averaged over the units, at each of the 24 steps of real choruses: does
it close where a new chorus begins?

Source: Eck and Schmidhuber (2002), whose LSTM learnt the form of a blues.  Huang et al. (2018) for music that returns
to its themes, by attention.
Chapter: chapters/entertainment.md.

Keys, each with an entry for a player (the networks, and "4-gram" where it plays): choruses_kept, the median over the
pieces, at most `choruses`; kept_all, the share of pieces without any slip; chords_right, of steps; pair_distance,
with "another real piece" as the yardstick; repeated, the share of notes, with "real" and "chance"; repeat_gain, 0 for
chance and 1 for real; chorus_repeats (choruses,), repeated, chorus by chorus; loss_by_line (3,), nats a note in the
three lines of fresh real choruses; forget (24,), the mean gate at each step of a chorus; forget_at_chorus, at the
first of them, and forget_elsewhere; boundary_rank, how many of the 24 steps have a lower mean; largest_unit_drop, of
all units the most by which a unit's gate is lower at the first step than on average, and usual_unit_drop, the median
of the same over the other steps; rate, parameters.  choruses, pieces, H.
"""

import numpy as np
import torch

from lstmkit.comparison import tuned
from lstmkit.numpy import lstm
from lstmkit.tasks import blues
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch import initialise
from lstmkit.torch.lstm import LSTM
from lstmkit.torch.network import Network, count_parameters
from lstmkit.torch.training import fit

K, M, B = len(blues.CHORDS), len(blues.NOTES), 16
ORDER = 3  # pairs of chord and note that the counts look back
SETTINGS = {
    "test": {
        "networks": ("LSTM", "LSTM chrono"), "H": 6, "steps": 4, "pool": 20, "pieces": 6, "choruses": 2,
        "rates": (1e-2,),
    },
    "live": {
        "networks": ("LSTM chrono",), "H": 48, "steps": 700, "pool": 2_000, "pieces": 30, "choruses": 6,
        "rates": (1e-2,),
    },
    "recorded": {
        "networks": ("LSTM", "LSTM chrono"), "H": 64, "steps": 1_200, "pool": 2_000, "pieces": 60, "choruses": 20,
        "rates": (3e-3, 1e-2),
    },
}  # fmt: skip


def loss(network, state, x, y):
    """Cross-entropy of the next chord and of the next note, nats a step, and the state; y (T, B, 2), -1: not asked."""
    said, state = network(x, state)
    chord, note = said.flatten(0, 1).split([K, M], dim=-1)
    of = torch.nn.functional.cross_entropy
    y = y.flatten(0, 1)
    return of(chord, y[:, 0], ignore_index=-1) + of(note, y[:, 1], ignore_index=-1), state


def train(name, pool, held, seed, setting, rate, device):
    """The network and its Run, judged by its loss on held; pool and held are (chords, notes), (T, N) each."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        core = LSTM(K + M, setting["H"])
        if name == "LSTM chrono":
            initialise.chrono(core, T_max=blues.CHORUS)
        network = Network(core, K + M).to(device)
    chords, notes = pool
    # the first chord of the next piece is known, its first note is not
    following = np.stack([np.roll(chords, -1, axis=0), np.append(notes[1:], np.full_like(notes[:1], -1), axis=0)], -1)

    def draw(step, rng):
        chosen = rng.integers(0, chords.shape[1], B)
        return blues.encode(chords[:, chosen], notes[:, chosen], np.float32), following[:, chosen]

    x, y = blues.encode(held[0][:-1], held[1][:-1], np.float32), np.stack([held[0][1:], held[1][1:]], axis=-1)
    x, y, steps = torch.from_numpy(x).to(device), torch.from_numpy(y).to(device), setting["steps"]
    done = fit(
        network, draw, loss, steps=steps, lr=rate, seed=seed, carry=True, every=max(1, steps // 5), patience=5,
        evaluate=lambda network: loss(network, None, x, y)[0].item(), schedule=lambda step: 1 - step / steps,
    )  # fmt: skip
    return network, done


def play(network, rng, chords, notes, T, device):
    """T steps played after the real chords and notes, (T', B) each: chords and notes (T, B)."""
    played = np.empty((2, T, chords.shape[1]), np.int64)
    x, state = torch.from_numpy(blues.encode(chords, notes, np.float32)).to(device), None
    with torch.no_grad():
        for t in range(T):
            said, state = network(x, state)
            chord, note = said[-1].cpu().double().split([K, M], dim=-1)
            played[0, t] = chord.argmax(-1).numpy()
            played[1, t] = blues.draw_notes(rng, torch.softmax(note, -1).numpy())
            x = torch.from_numpy(blues.encode(*played[:, t : t + 1], np.float32)).to(device)
    return played


def count_followers(chords, notes, order=ORDER):
    """The last n pairs, as a tuple, -> how often each of the 18 pairs followed, (18,); for n = 0 to order."""
    pairs, counts = chords * M + notes, {}
    for line in pairs.T:
        for t, following in enumerate(line):
            for n in range(min(t, order) + 1):
                counts.setdefault(tuple(line[t - n : t]), np.zeros(K * M))[following] += 1
    return counts


def play_counts(counts, rng, chords, notes, T, order=ORDER):
    """T steps drawn from the counts after real chords and notes, (T', B) each: chords and notes (T, B)."""
    pairs = chords * M + notes
    played = np.empty((T, pairs.shape[1]), np.int64)
    for b, line in enumerate(pairs.T):
        past = list(line[-order:])
        for t in range(T):
            known = next(found for n in range(order + 1) if (found := tuple(past[n:])) in counts)
            played[t, b] = rng.choice(K * M, p=counts[known] / counts[known].sum())
            past = [*past[1:], played[t, b]]
    return np.stack(np.divmod(played, M))


def choruses_kept(chords):
    """Whole choruses before the first wrong step of chords (T, B), which should begin a chorus: (B,)."""
    due = np.resize(np.repeat(blues.FORM, blues.STEPS), len(chords))
    right = chords == due[:, None]
    return np.where(right.all(axis=0), len(chords), right.argmin(axis=0)) // blues.CHORUS


def pair_shares(notes):
    """The shares of the pairs of successive notes of notes (T, B): (36,)."""
    pairs = notes[:-1] * M + notes[1:]
    return np.bincount(pairs.ravel(), minlength=M * M) / pairs.size


def forget_by_step(network, chords, notes):
    """The forget gate at each step of a chorus, averaged over pieces and all choruses but the first: (24, H)."""
    names = (f"{name}_l0" for name in lstm.Params._fields)
    params = lstm.Params(*(getattr(network.core, name).detach().cpu().double().numpy() for name in names))
    gates = lstm.read_gates(lstm.forward(params, blues.encode(chords, notes))[2])
    return gates.f[blues.CHORUS :].mean(axis=1).reshape(-1, blues.CHORUS, gates.f.shape[-1]).mean(axis=0)


def drops(forget):
    """Of all units, the most by which a gate is lower at a step than on average, from forget (24, H): (24,)."""
    return (forget.mean(axis=0) - forget).max(axis=1)


def loss_by_line(network, chords, notes, device):
    """Nats a note in each of the three lines of the second chorus of real pieces: (3,)."""
    x = torch.from_numpy(blues.encode(chords, notes, np.float32)).to(device)
    with torch.no_grad():
        said = network(x)[0][..., K:].cpu().double()
    of_note = torch.log_softmax(said, -1).numpy()
    nats = -np.take_along_axis(of_note[:-1], notes[1:, :, None], axis=-1)[blues.CHORUS - 1 :, :, 0]  # of each answer
    return nats[: blues.CHORUS].reshape(3, -1).mean(axis=1)


def run(seed=0, scale="live", device="cpu"):
    """Train, count, let all play, and look at the gates."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    choruses, T, names = setting["choruses"], setting["choruses"] * blues.CHORUS, setting["networks"]
    pool, held = (
        blues.pieces(np.random.default_rng([seed, n]), 2, size) for n, size in ((0, setting["pool"]), (1, 40))
    )
    real = blues.pieces(np.random.default_rng([seed, 2]), choruses + 1, setting["pieces"])
    other = blues.pieces(np.random.default_rng([seed, 3]), choruses, setting["pieces"])
    heard = [part[: blues.CHORUS] for part in real]
    networks, rates, played, forget = {}, {}, {}, {}
    for name in names:
        tried = {}

        def attempt(rate, name=name, tried=tried):
            tried[rate], done = train(name, pool, held, seed, setting, rate, device)
            return done

        _, rates[name] = tuned(attempt, setting["rates"])
        networks[name] = tried[rates[name]]
        played[name] = play(networks[name], np.random.default_rng([seed, 4]), *heard, T, device)
        forget[name] = forget_by_step(networks[name], *real)
    counts = count_followers(pool[0][:, :300], pool[1][:, :300])
    played["4-gram"] = play_counts(counts, np.random.default_rng([seed, 5]), *heard, T)

    due, shares = real[0][blues.CHORUS :], pair_shares(real[1][blues.CHORUS :])
    kept = {name: choruses_kept(chords) for name, (chords, _) in played.items()}
    distance = {name: pair_shares(notes) for name, (_, notes) in [*played.items(), ("another real piece", other)]}
    repeated = {name: float(blues.repeat_rate(notes).mean()) for name, (_, notes) in played.items()}
    chance = float(blues.chance_of_a_repeat(real[1]).mean())
    two = [part[: 2 * blues.CHORUS] for part in real]
    return {
        "choruses_kept": {name: float(np.median(values)) for name, values in kept.items()},
        "kept_all": {name: float((values == choruses).mean()) for name, values in kept.items()},
        "chords_right": {name: float((chords == due).mean()) for name, (chords, _) in played.items()},
        "pair_distance": {name: float(np.abs(found - shares).sum() / 2) for name, found in distance.items()},
        "repeated": repeated | {"real": float(blues.repeat_rate(real[1]).mean()), "chance": chance},
        "repeat_gain": {name: (value - chance) / (1 - chance) for name, value in repeated.items()},
        "chorus_repeats": {name: blues.repeat_rate(played[name][1]) for name in names},
        "loss_by_line": {name: loss_by_line(network, *two, device) for name, network in networks.items()},
        "forget": {name: f.mean(axis=1) for name, f in forget.items()},
        "forget_at_chorus": {name: float(f[0].mean()) for name, f in forget.items()},
        "forget_elsewhere": {name: float(f[1:].mean()) for name, f in forget.items()},
        "boundary_rank": {name: int((f.mean(axis=1) < f[0].mean()).sum()) for name, f in forget.items()},
        "largest_unit_drop": {name: float(drops(f)[0]) for name, f in forget.items()},
        "usual_unit_drop": {name: float(np.median(drops(f)[1:])) for name, f in forget.items()},
        "rate": rates,
        "parameters": {name: count_parameters(network) for name, network in networks.items()},
        "choruses": choruses,
        "pieces": setting["pieces"],
        "H": setting["H"],
    }
