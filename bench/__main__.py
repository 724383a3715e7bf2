"""`make bench`: every bench in turn, each in a process of its own. Ratios of one run; see each file."""

import subprocess
import sys

BENCHES = {
    "Ledger debit against bare SQL": "bench.ledger",
    "Book seats against a bare debit": "bench.booking",
    "Place, pay and issue an order": "bench.orders",
    "Pages against a bare page, whole orders over HTTP": "bench.pages",
    "Nightly sweep of a loyalty programme": "bench.loyalty",
    "Terminal debits over HTTP, settlement of a million transactions": "bench.merchants",
    "Statements of credit accounts in one night": "bench.statements",
    "PDF files against a bare render": "bench.pdf",
}


def main() -> int:
    worst = 0
    for title, module in BENCHES.items():
        print(f"\n===== {title} =====", flush=True)
        worst = max(worst, subprocess.run([sys.executable, "-m", module], check=False).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
