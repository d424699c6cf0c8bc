"""A blues: twelve bars of chords that come round again and again, and a melody above them that repeats its first line.

The chords are those of `FORM`, a bar each, the same in every chorus, I IV and V.  The melody has three lines of four
bars, as in the songs: a line, the same line again, and an answer.  The first line is made up anew in each chorus, so
that nobody can know it beforehand, and nobody needs to invent the second: it is the first, note for note.

A note is one of the five of a pentatonic scale or a rest.  From note to note the melody prefers small steps and the
notes of the chord; this is the local rule.  The round of the chords and the repeated line are the form.

T steps, B pieces; `STEPS` steps a bar, so 12 STEPS steps a chorus.  chords (T, B) indexes `CHORDS`; notes (T, B)
indexes `NOTES`.  x: (T, B, 9), both one-hot, the chord first.  y: (T, B, 2): the next chord and the next note.

Baselines: `repeat_rate` counts how often the second line repeats the first; whoever makes up a new one hits it now and
then, `chance_of_a_repeat` says how often.  The chords never change within a bar, so whoever repeats the last chord is
right at all steps but `changes` of a chorus.

Source: Eck & Schmidhuber (2002) for chords and melody of a blues as a task.  The repeated line is ours.
"""

import numpy as np

from lstmkit.tasks.sizes import expect, expect_batch

CHORDS = ("I", "IV", "V")
NOTES = ("C", "Eb", "F", "G", "Bb", "rest")
FORM = np.array([0, 0, 0, 0, 1, 1, 0, 0, 2, 1, 0, 0])  # bar by bar
STEPS = 2  # a bar
LINE = 4 * STEPS  # steps of a line
CHORUS = len(FORM) * STEPS
FITS = np.array([[2, 1, 0.5, 2, 1, 1], [1, 2, 2, 0.5, 1, 1], [0.5, 1, 1, 2, 2, 1]])  # how a note sounds over a chord
SMALL_STEPS = 0.8  # how much less likely the melody takes each further step of the scale


def changes():
    """How many of the CHORUS steps, (T,) = (CHORUS,), are followed by another chord, the last by the first."""
    return int((np.roll(FORM, -1) != FORM).sum())


def note_probabilities(note, chord):
    """How likely each note is after `note` (B,) over `chord` (B,): (B, 6).  A rest is as near to one as to another."""
    scale = np.arange(len(NOTES))
    apart = np.abs(scale - np.asarray(note)[:, None]).astype(float)
    apart[:, -1] = apart[np.asarray(note) == len(NOTES) - 1] = 2
    p = FITS[chord] * np.exp(-SMALL_STEPS * apart)
    return p / p.sum(axis=1, keepdims=True)


def draw_notes(rng, p):
    """A note for each row of p (B, 6): (B,)."""
    return (rng.random((len(p), 1)) > np.cumsum(p, axis=1)[:, :-1]).sum(axis=1)


def pieces(rng, choruses, B):
    """B pieces of so many choruses, from the first bar.  Returns chords and notes, (T, B) each."""
    choruses, B = expect("choruses", choruses, 1, "a piece has a chorus"), expect_batch(B)
    chords = np.tile(np.repeat(FORM, STEPS), choruses)[:, None].repeat(B, axis=1)
    notes = np.empty_like(chords)
    last = rng.integers(0, len(NOTES), B)
    for t, chord in enumerate(chords):
        place = t % CHORUS
        if LINE <= place < 2 * LINE:
            notes[t] = notes[t - LINE]
        else:
            notes[t] = draw_notes(rng, note_probabilities(last, chord))
        last = notes[t]
    return chords, notes


def encode(chords, notes, dtype=np.float64):
    """x (T, B, 9) from chords and notes, (T, B) each."""
    return np.concatenate([np.eye(len(CHORDS), dtype=dtype)[chords], np.eye(len(NOTES), dtype=dtype)[notes]], axis=-1)


def batch(rng, choruses, B, dtype=np.float64):
    """Draw B pieces of so many choruses, less the last step.  Returns x (T, B, 9) and y (T, B, 2)."""
    chords, notes = pieces(rng, choruses, B)
    return encode(chords[:-1], notes[:-1], dtype), np.stack([chords[1:], notes[1:]], axis=-1)


def repeat_rate(notes):
    """The share of the notes of second lines that are those of the first, chorus by chorus: (choruses,).

    notes (T, B) begins with a chorus; what is left behind the last whole chorus is not counted.
    """
    whole = notes[: len(notes) // CHORUS * CHORUS].reshape(-1, CHORUS, notes.shape[1])
    return (whole[:, :LINE] == whole[:, LINE : 2 * LINE]).mean(axis=(1, 2))


def chance_of_a_repeat(notes):
    """The same share (choruses,), if the second line were that of another piece: of notes (T, B), B at least 2."""
    whole = notes[: len(notes) // CHORUS * CHORUS].reshape(-1, CHORUS, notes.shape[1])
    return (np.roll(whole[:, :LINE], 1, axis=2) == whole[:, LINE : 2 * LINE]).mean(axis=(1, 2))
