import pytest

pytest.register_assert_rewrite("tests.public_api.journey")
