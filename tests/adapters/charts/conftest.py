"""matplotlib's fonts, looked for once."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def fonts(tmp_path_factory: pytest.TempPathFactory) -> None:
    """matplotlib looks for fonts once, and keeps what it found here and not at home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPLCONFIGDIR", str(tmp_path_factory.mktemp("fonts")))
        from matplotlib.font_manager import fontManager

        assert fontManager
