"""The result of an analysis, as plain values (`values`), and how it is made from the machine (`build`)."""
