"""One file per thing that can break; every function here with `@scenario` is found by itself."""
