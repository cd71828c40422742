"""The only place for the words of the generated calls: what caller and agent say, and fictional people, by language.

Data, no logic. Every text is our own and every person and address invented; a line's slots are `{first}`, `{name}`,
`{reference}`, `{amount}`, `{currency}` and `{day}`. Phone numbers, emails and addresses are never spoken, only masked:
the demo's transcripts call themselves redacted, and so they must be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Errand = Literal["order_status", "refund", "booking", "balance", "address_change", "question"]
"""What a caller wants. A question needs no tool."""

ERRANDS: tuple[Errand, ...] = ("order_status", "refund", "booking", "balance", "address_change", "question")


@dataclass(frozen=True)
class Lines:
    """One errand in words: the caller's wish (variants), then the agent's before, after success and after trouble."""

    ask: tuple[str, ...]
    check: str
    done: str
    trouble: str


@dataclass(frozen=True)
class Script:
    """One language: its share of the calls, its people, and what is said around and during an errand."""

    language: str
    share: float
    currency: str
    people: tuple[str, ...]
    streets: tuple[str, ...]
    cities: tuple[str, ...]
    days: tuple[str, ...]
    greeting: tuple[str, ...]
    identify: tuple[str, str]
    """The agent asks for name and reference, the caller gives them."""
    small_talk: tuple[tuple[str, str], ...]
    """Pairs of agent and caller that may stand anywhere in the middle."""
    content: tuple[str, ...]
    unhappy: tuple[str, ...]
    closing: tuple[str, str, str]
    """Anything else (agent), no (caller), goodbye (agent)."""
    transfer: str
    errands: tuple[tuple[Errand, Lines], ...]

    def lines(self, errand: Errand) -> Lines:
        """The words of one errand."""
        return dict(self.errands)[errand]


SCRIPTS: tuple[Script, ...] = (
    Script(
        language="en", share=0.50, currency="USD",
        people=("Maya Thornfield", "Owen Castellan", "Ruth Adebiyi", "Priya Wexford", "Caleb Marsh", "Nora Quill",
                "Dylan Okafor", "Grace Hollis"),
        streets=("Larkspur Lane", "Old Mill Road", "Copper Street"),
        cities=("Fairbrook", "Easton Ferry", "Pinewater"),
        days=("Monday", "Tuesday", "Thursday", "Friday"),
        greeting=("Thanks for calling Halden Supply, how can I help?", "Halden Supply, hello! What can I do for you?"),
        identify=("May I have your name and your reference, please?", "It's {name}, reference {reference}."),
        small_talk=(
            ("Is [PHONE] still the best number to reach you?", "Yes, that is still right."),
            ("Sorry, the line broke up. Could you say that again?", "Sure: it is about {reference}."),
            ("Would you like a confirmation by email?", "Yes please, to [EMAIL]."),
            ("Thanks for waiting, {first}. Are you still there?", "Yes, I'm here."),
        ),
        content=("Great, thank you.", "Perfect, that helps.", "Okay, good to know."),
        unhappy=("That is not what I asked for.", "Hm, that does not help me at all.", "You got that wrong."),
        closing=("Is there anything else?", "No, that was all.", "Thank you for calling, {first}. Goodbye!"),
        transfer="I'll put you through to a colleague, one moment.",
        errands=(
            ("order_status", Lines(
                ("Hi, where is my order?", "My parcel was due last week and it is not here."),
                "Let me look that order up.", "Order {reference} is on its way and should arrive on {day}.",
                "I'm sorry, I can't see the order right now.")),
            ("refund", Lines(
                ("I'd like my money back for something I returned.", "You charged me twice, I want a refund."),
                "I'll check the order and start the refund.",
                "Done: {amount} {currency} are on their way back to your card.",
                "I'm sorry, the refund did not go through.")),
            ("booking", Lines(
                ("I need a technician to come by.", "Can I book an appointment for a repair?"),
                "Let me see which times are free.", "You are booked for {day}, and we look forward to it.",
                "I'm sorry, I could not make the booking.")),
            ("balance", Lines(
                ("How much do I still owe you?", "What is the balance on my account?"),
                "One moment, I'll open your account.", "Your balance is {amount} {currency}.",
                "I'm sorry, your account does not open at the moment.")),
            ("address_change", Lines(
                ("I have moved and need to change my address.", "Please send my mail to a new address: [ADDRESS]."),
                "I'll change that for you now.", "Your new address is saved.",
                "I'm sorry, I could not save the new address.")),
            ("question", Lines(
                ("When are you open on {day}?", "Do you also take old appliances back?"),
                "Good question, let me think.", "On {day} we are open from nine to six, and we take returns then too.",
                "I'm afraid I don't know that.")),
        ),
    ),
    Script(
        language="es", share=0.15, currency="EUR",
        people=("Lucía Ferrándiz", "Mateo Olivar", "Inés Carrascal", "Álvaro Peñalta", "Rocío Montiel",
                "Iván Sotogrande"),
        streets=("Calle del Olmo", "Avenida del Faro", "Plaza Menor"),
        cities=("Villaluna", "Puerto Sereno", "Montefrío"),
        days=("el lunes", "el martes", "el jueves", "el viernes"),
        greeting=("Halden Supply, buenos días, ¿en qué puedo ayudarle?", "Gracias por llamar a Halden Supply, dígame."),
        identify=("¿Me dice su nombre y su referencia, por favor?", "Soy {name}, la referencia es {reference}."),
        small_talk=(
            ("¿Su número sigue siendo el [PHONE]?", "Sí, sigue siendo el mismo."),
            ("Perdone, se ha cortado. ¿Puede repetirlo?", "Claro: es por {reference}."),
            ("¿Quiere una confirmación por correo?", "Sí, por favor, a [EMAIL]."),
        ),
        content=("Muy bien, gracias.", "Perfecto, me sirve.", "De acuerdo."),
        unhappy=("Eso no es lo que he pedido.", "Así no me ayuda nada."),
        closing=("¿Necesita algo más?", "No, eso era todo.", "Gracias por llamar, {first}. ¡Hasta luego!"),
        transfer="Le paso con un compañero, un momento.",
        errands=(
            ("order_status", Lines(
                ("Hola, ¿dónde está mi pedido?", "Mi paquete debía llegar la semana pasada."),
                "Voy a buscar el pedido.", "El pedido {reference} está en camino y llega {day}.",
                "Lo siento, ahora no puedo ver el pedido.")),
            ("refund", Lines(
                ("Quiero que me devuelvan el dinero.", "Me han cobrado dos veces y quiero un reembolso."),
                "Compruebo el pedido y preparo el reembolso.", "Hecho: le devolvemos {amount} {currency}.",
                "Lo siento, el reembolso no ha salido bien.")),
            ("booking", Lines(
                ("Necesito que venga un técnico.", "¿Puedo pedir cita para una reparación?"),
                "Miro qué horas quedan libres.", "Tiene cita {day}.", "Lo siento, no he podido reservar la cita.")),
            ("balance", Lines(
                ("¿Cuánto debo todavía?", "¿Cuál es el saldo de mi cuenta?"),
                "Un momento, abro su cuenta.", "Su saldo es de {amount} {currency}.",
                "Lo siento, su cuenta no se abre en este momento.")),
            ("address_change", Lines(
                ("Me he mudado y quiero cambiar mi dirección.", "Mi dirección nueva es [ADDRESS]."),
                "Lo cambio ahora mismo.", "Su dirección nueva está guardada.",
                "Lo siento, no he podido guardar la dirección.")),
            ("question", Lines(
                ("¿Abren {day}?", "¿Recogen también aparatos viejos?"), "Buena pregunta, déjeme pensar.",
                "Sí, {day} abrimos de nueve a seis.", "Me temo que no lo sé.")),
        ),
    ),
    Script(
        language="de", share=0.13, currency="EUR",
        people=("Jörg Wiesengrund", "Annika Thalbach", "Käthe Brockmoor", "Emre Lindqvist", "Silke Ährenfeld",
                "Uwe Steinrück"),
        streets=("Lindenweg", "Am Alten Hafen", "Birkenallee"),
        cities=("Neuental", "Birkenau am See", "Oberwiesbach"),
        days=("Montag", "Dienstag", "Donnerstag", "Freitag"),
        greeting=("Halden Supply, guten Tag, was kann ich für Sie tun?",
                  "Willkommen bei Halden Supply, wie kann ich helfen?"),
        identify=("Nennen Sie mir bitte Namen und Vorgangsnummer?", "{name}, die Nummer ist {reference}."),
        small_talk=(
            ("Erreichen wir Sie noch unter [PHONE]?", "Ja, die Nummer stimmt."),
            ("Die Leitung war kurz weg. Sagen Sie das bitte noch einmal?", "Gern: es geht um {reference}."),
            ("Möchten Sie eine Bestätigung per E-Mail?", "Ja bitte, an [EMAIL]."),
        ),
        content=("Gut, vielen Dank.", "Prima, das hilft mir.", "In Ordnung."),
        unhappy=("Danach habe ich nicht gefragt.", "Das hilft mir überhaupt nicht."),
        closing=("Kann ich sonst noch etwas tun?", "Nein, das war alles.",
                 "Danke für Ihren Anruf, {first}. Auf Wiederhören!"),
        transfer="Ich verbinde Sie mit einer Kollegin, einen Moment bitte.",
        errands=(
            ("order_status", Lines(
                ("Wo bleibt meine Bestellung?", "Mein Paket sollte letzte Woche kommen."),
                "Ich suche die Bestellung heraus.", "Bestellung {reference} ist unterwegs und kommt am {day}.",
                "Es tut mir leid, ich sehe die Bestellung gerade nicht.")),
            ("refund", Lines(
                ("Ich möchte mein Geld zurück.", "Sie haben doppelt abgebucht, ich will eine Erstattung."),
                "Ich prüfe die Bestellung und leite die Erstattung ein.",
                "Erledigt: {amount} {currency} gehen an Sie zurück.",
                "Es tut mir leid, die Erstattung ist nicht durchgegangen.")),
            ("booking", Lines(
                ("Ich brauche einen Techniker.", "Kann ich einen Termin für eine Reparatur bekommen?"),
                "Ich schaue nach freien Zeiten.", "Ihr Termin ist am {day}.",
                "Es tut mir leid, der Termin ließ sich nicht buchen.")),
            ("balance", Lines(
                ("Wie viel ist noch offen?", "Wie steht mein Konto?"),
                "Einen Moment, ich öffne Ihr Konto.", "Ihr Kontostand ist {amount} {currency}.",
                "Es tut mir leid, Ihr Konto öffnet sich gerade nicht.")),
            ("address_change", Lines(
                ("Ich bin umgezogen und brauche eine neue Anschrift.", "Meine neue Anschrift ist [ADDRESS]."),
                "Das ändere ich gleich.", "Ihre neue Anschrift ist gespeichert.",
                "Es tut mir leid, die Anschrift wurde nicht gespeichert.")),
            ("question", Lines(
                ("Haben Sie am {day} offen?", "Nehmen Sie auch Altgeräte zurück?"), "Gute Frage, ich überlege kurz.",
                "Ja, am {day} von neun bis achtzehn Uhr.", "Das weiß ich leider nicht.")),
        ),
    ),
    Script(
        language="fr", share=0.12, currency="EUR",
        people=("Élodie Vauclair", "Théo Marchevent", "Aïcha Belcourt", "Hélène Dubreuillon", "Noé Lavergnas",
                "Zoé Périmont"),
        streets=("Rue des Tilleuls", "Quai du Moulin", "Allée des Cèdres"),
        cities=("Valmorin", "Saint-Clair-le-Port", "Roncourt"),
        days=("lundi", "mardi", "jeudi", "vendredi"),
        greeting=("Halden Supply, bonjour, que puis-je faire pour vous ?",
                  "Bienvenue chez Halden Supply, je vous écoute."),
        identify=("Votre nom et votre référence, s'il vous plaît ?", "{name}, référence {reference}."),
        small_talk=(
            ("Votre numéro est-il toujours le [PHONE] ?", "Oui, toujours."),
            ("Pardon, la ligne a coupé. Vous pouvez répéter ?", "Bien sûr : c'est pour {reference}."),
            ("Souhaitez-vous une confirmation par courriel ?", "Oui, à [EMAIL]."),
        ),
        content=("Très bien, merci.", "Parfaitement, ça m'aide.", "D'accord."),
        unhappy=("Ce n'est pas ce que j'ai demandé.", "Cela ne m'aide pas du tout."),
        closing=("Autre chose ?", "Non, c'était tout.", "Merci de votre appel, {first}. Au revoir !"),
        transfer="Je vous passe une collègue, un instant.",
        errands=(
            ("order_status", Lines(
                ("Bonjour, où en est ma commande ?", "Mon colis devait arriver la semaine dernière."),
                "Je cherche la commande.", "La commande {reference} est en route et arrive {day}.",
                "Désolé, je ne vois pas la commande pour l'instant.")),
            ("refund", Lines(
                ("Je voudrais être remboursé.", "J'ai été débité deux fois, je veux un remboursement."),
                "Je vérifie la commande et je lance le remboursement.",
                "C'est fait : {amount} {currency} vous sont rendus.",
                "Désolé, le remboursement n'est pas passé.")),
            ("booking", Lines(
                ("Il me faut un technicien.", "Puis-je prendre rendez-vous pour une réparation ?"),
                "Je regarde les heures libres.", "Votre rendez-vous est {day}.",
                "Désolé, je n'ai pas pu réserver.")),
            ("balance", Lines(
                ("Combien dois-je encore ?", "Quel est le solde de mon compte ?"),
                "Un instant, j'ouvre votre compte.", "Votre solde est de {amount} {currency}.",
                "Désolé, votre compte ne s'ouvre pas en ce moment.")),
            ("address_change", Lines(
                ("J'ai déménagé, il faut changer mon adresse.", "Ma nouvelle adresse est [ADDRESS]."),
                "Je la change tout de suite.", "Votre nouvelle adresse est enregistrée.",
                "Désolé, l'adresse n'a pas été enregistrée.")),
            ("question", Lines(
                ("Êtes-vous ouverts {day} ?", "Reprenez-vous aussi les vieux appareils ?"),
                "Bonne question, je réfléchis.",
                "Oui, {day} de neuf heures à dix-huit heures.", "Je ne le sais pas, hélas.")),
        ),
    ),
    Script(
        language="pt", share=0.10, currency="BRL",
        people=("João Valadanta", "Conceição Ribamar", "Tomás Figueirola", "Luísa Quintelas", "Débora Açucena",
                "Caio Monteverde"),
        streets=("Rua das Acácias", "Travessa do Poço", "Avenida da Serra"),
        cities=("Vila Serena", "Porto Claro", "Campo das Flores"),
        days=("segunda", "terça", "quinta", "sexta"),
        greeting=("Halden Supply, bom dia, como posso ajudar?", "Obrigado por ligar para a Halden Supply, pode falar."),
        identify=("Pode me dizer o seu nome e a referência?", "É {name}, referência {reference}."),
        small_talk=(
            ("O seu número ainda é [PHONE]?", "Sim, é o mesmo."),
            ("Desculpe, a ligação falhou. Pode repetir?", "Claro: é sobre {reference}."),
            ("Quer uma confirmação por e-mail?", "Quero, para [EMAIL]."),
        ),
        content=("Muito bem, obrigado.", "Perfeito, já ajuda.", "Está certo."),
        unhappy=("Não foi isso que eu pedi.", "Assim não ajuda em nada."),
        closing=("Precisa de mais alguma coisa?", "Não, era só isso.", "Obrigado por ligar, {first}. Até logo!"),
        transfer="Vou passar a ligação a um colega, um momento.",
        errands=(
            ("order_status", Lines(
                ("Oi, onde está o meu pedido?", "A encomenda devia ter chegado na semana passada."),
                "Vou procurar o pedido.", "O pedido {reference} está a caminho e chega na {day}.",
                "Desculpe, agora não consigo ver o pedido.")),
            ("refund", Lines(
                ("Quero o meu dinheiro de volta.", "Cobraram duas vezes, quero um reembolso."),
                "Vou conferir o pedido e iniciar o reembolso.", "Pronto: {amount} {currency} voltam para o seu cartão.",
                "Desculpe, o reembolso não foi feito.")),
            ("booking", Lines(
                ("Preciso de um técnico.", "Posso marcar um horário para um conserto?"),
                "Vou ver os horários livres.", "Está marcado para {day}.", "Desculpe, não consegui marcar.")),
            ("balance", Lines(
                ("Quanto ainda devo?", "Qual é o saldo da minha conta?"),
                "Um momento, vou abrir a sua conta.", "O seu saldo é de {amount} {currency}.",
                "Desculpe, a sua conta não abre neste momento.")),
            ("address_change", Lines(
                ("Mudei de casa e preciso trocar o endereço.", "O meu endereço novo é [ADDRESS]."),
                "Troco agora mesmo.", "O seu endereço novo está salvo.", "Desculpe, o endereço não foi salvo.")),
            ("question", Lines(
                ("Vocês abrem na {day}?", "Também recolhem aparelhos velhos?"), "Boa pergunta, deixe-me pensar.",
                "Sim, na {day} das nove às dezoito.", "Isso eu não sei.")),
        ),
    ),
)  # fmt: skip
"""Every language. The shares add up to 1."""
