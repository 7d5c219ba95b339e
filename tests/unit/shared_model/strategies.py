"""What hypothesis may draw: every valid passenger, as the JSON of a request."""

from hypothesis import strategies as st

AGES = st.none() | st.floats(0, 120) | st.integers(0, 120)
RECORDS = st.fixed_dictionaries(
    {},
    optional={"Age": AGES, "Sex": st.sampled_from(["male", "female", None]), "Embarked": st.sampled_from(["C", "Q", "S", None])},
)
REQUESTS = st.lists(RECORDS, min_size=1, max_size=20)
