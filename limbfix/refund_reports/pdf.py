"""The same page on paper: WeasyPrint lays out the HTML of `page` with its print style. It fetches nothing."""

from __future__ import annotations

import io
import logging

from limbfix.errors import MissingExtra


def make_pdf(page: str) -> bytes:
    """Returns a PDF of a page.

    Raises:
        MissingExtra: WeasyPrint or Pango is not installed.
    """
    from PIL import ImageFile

    try:
        was_lenient = ImageFile.LOAD_TRUNCATED_IMAGES
        import weasyprint

        ImageFile.LOAD_TRUNCATED_IMAGES = was_lenient  # it turns Pillow lenient for the whole process
    except (ImportError, OSError) as error:
        raise MissingExtra(
            f"weasyprint: expected to import, got {error}. Install it with: pip install 'limbfix[pdf]'; "
            "on a bare Debian also: apt-get install libpangoft2-1.0-0 libharfbuzz-subset0"
        ) from error
    logging.getLogger("weasyprint").setLevel(logging.ERROR)  # it warns of each property that paper has no use for
    fetcher = weasyprint.urls.URLFetcher(allowed_protocols=("data",), allow_redirects=False)
    out = io.BytesIO()
    weasyprint.HTML(string=page, url_fetcher=fetcher).write_pdf(out, pdf_variant="pdf/ua-1")
    return out.getvalue()
