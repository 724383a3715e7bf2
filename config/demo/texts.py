"""The demo's terms of sale. Invented: a real shop brings its own."""

TERMS_FR = """1. Objet
Les présentes conditions règlent la vente de cartes électroniques sur le portail Mirabelle aux adhérents d'un CSE partenaire, pour leur usage personnel. La revente n'est pas un cadeau : l'adhérent paie le prix affiché.

2. Prix et remise
Le prix de chaque ligne est la valeur des cartes diminuée de la remise négociée par le CSE, arrondie au centime. Le total est la somme des lignes.

3. Paiement
Le paiement se fait par carte bancaire, avec authentification 3-D Secure, sur la page de la banque. Aucun numéro de carte bancaire ne parvient au portail.

4. Livraison
La banque confirme le paiement en 20 minutes environ. Les cartes rejoignent le portefeuille deux à quatre heures plus tard.

5. Validité
Une carte est valable un an à partir de la date d'achat, en une ou plusieurs fois. Elle n'est ni remboursable ni échangeable après usage ou expiration.

6. Droit de rétractation
L'adhérent peut demander l'annulation d'une commande dont aucune carte n'a servi dans les quatorze jours. Le remboursement se fait sur la carte qui a payé.

7. Réclamations
L'assistance répond aux réclamations. À défaut d'accord, l'adhérent peut saisir le médiateur de la consommation.
"""  # noqa: E501

TERMS_EN = """1. Purpose
These terms govern the sale of electronic cards on the Mirabelle portal to members of a partner works council, for their own use. Resale is not a gift: the member pays the price shown.

2. Price and discount
The price of each line is the value of its cards less the discount negotiated by the works council, rounded to the cent. The total is the sum of the lines.

3. Payment
Payment is by bank card with 3-D Secure authentication, on the bank's own page. No bank card number reaches the portal.

4. Delivery
The bank confirms the payment in about 20 minutes. The cards reach the wallet two to four hours later.

5. Validity
A card is valid for one year from purchase, in one or several goes. It cannot be refunded or exchanged once used or expired.

6. Right of withdrawal
The member may ask to cancel an order of which no card has been used within fourteen days. The refund goes to the card that paid.

7. Complaints
Support answers complaints. Failing agreement, the member may turn to the consumer mediator.
"""  # noqa: E501
