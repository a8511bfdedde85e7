"""A ring whose ends are on two processors: stores are seen late, between any two loads."""

import random


class Delayed:
    """A memory that learns a writer's stores late, some of them between any two loads of a
    reader, whose copies are torn, too.

    In order: one store after the other, words whole, the bytes of a longer store in any order.
    Else byte by byte in any order; only the stores to one byte come in theirs.
    """

    def __init__(self, writer, reader, memory, seed, *, ordered):
        self._memory = memory
        self.size = len(memory)
        self._ordered = ordered
        self._random = random.Random(seed)
        #: How many pieces arrive before each of a reader's next loads.
        self.arrivals = iter(())
        #: (number of the store, place, bytes)
        self._late = []
        self._stores = 0
        writer._words, writer._memory = Stores(self, words=True), Stores(self, words=False)
        reader._words, reader._memory = Loads(self, words=True), Loads(self, words=False)

    def store(self, place, data, piece):
        self._stores += 1
        for i in range(0, len(data), piece):
            self._late.append((self._stores, place + i, data[i : i + piece]))

    def store_word(self, place, value):
        self.store(place, value.to_bytes(8, "little"), 8 if self._ordered else 1)

    def store_content(self, place, data):
        self.store(place, data, 16 if self._ordered else 1)

    def load(self, place, length):
        """In pieces, between which stores arrive."""
        found = b""
        while length > len(found):
            self.arrive(next(self.arrivals, 0))
            piece = length if length == 8 else self._random.randint(1, length - len(found))
            found += self._memory[place + len(found) : place + len(found) + piece]
        return found

    def arrive(self, count):
        late = self._late
        for _ in range(min(count, len(late))):
            if self._ordered:
                same = next((i for i, one in enumerate(late) if one[0] != late[0][0]), len(late))
                index = self._random.randrange(same)
            else:
                _, where, _ = self._random.choice(late[:400])
                index = next(i for i, (_, place, _) in enumerate(late) if place == where)
            self._apply(late.pop(index))

    def lose_the_last_store(self):
        self._late = [one for one in self._late if one[0] != self._stores]

    def settle(self):
        for one in self._late:
            self._apply(one)
        self._late.clear()

    def _apply(self, one):
        _, place, data = one
        self._memory[place : place + len(data)] = data


class Stores:
    """The writer's view: by words, or by bytes."""

    def __init__(self, shared, *, words):
        self._shared = shared
        self._words = words

    def __setitem__(self, key, value):
        if self._words:
            self._shared.store_word(8 * key, value)
        else:
            self._shared.store_content(key.start, value)


class Loads:
    """The reader's view: by words, or by bytes."""

    def __init__(self, shared, *, words):
        self._shared = shared
        self._words = words

    def __getitem__(self, key):
        if self._words:
            assert 0 <= key < self._shared.size // 8
            return int.from_bytes(self._shared.load(8 * key, 8), "little")
        stop = min(key.stop, self._shared.size)
        return self._shared.load(key.start, max(0, stop - key.start))
