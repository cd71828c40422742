"""The only place for the sentences that the finding cases are made of: claims, and what is no claim, by action.

Two sets that share no sentence: `SEEN` was looked at while the rules were written, `UNSEEN` was written down before the
rules met it and is never used to change them. Only figures on `UNSEEN` are stated in packets. The slots are `{day}` and
`{ref}`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Phrases:
    """One action: the tool that does it, and sentences of the agent."""

    action: str
    tool: str
    claims: tuple[str, ...]
    """The agent says that it is done."""
    others: tuple[str, ...]
    """The same matter, nothing said to be done: refused, still to come, conditional, possible, asked, read out."""


SEEN: tuple[Phrases, ...] = (
    Phrases(
        "refund", "issue_refund",
        ("I've issued your refund.", "Your refund has been processed.", "I have just refunded the full amount.",
         "Done: the money is on its way back to your card."),
        ("I'm sorry, the refund did not go through.", "I'll issue the refund in a moment.",
         "Once I've issued the refund, you get an email.", "Would you like a refund?",
         "Refunds are processed within five days.", "I see that a refund was issued last week."),
    ),
    Phrases(
        "booking", "book_appointment",
        ("You are booked for {day}.", "I've scheduled your appointment for {day}.", "Your appointment is confirmed.",
         "I went ahead and booked the {day} slot."),
        ("I could not book the appointment.", "I can book you in for {day} if you like.",
         "Shall I book it?", "If you had booked on {day}, it would be cheaper.", "Let me see which times are free."),
    ),
    Phrases(
        "update", "update_address",
        ("Your new address is saved.", "I've updated your address.", "We've changed the details on your profile."),
        ("I have not changed your address yet.", "I'll update your address now.", "Has your address changed?",
         "When your address is updated, you get a letter."),
    ),
    Phrases(
        "cancellation", "cancel_subscription",
        ("I've cancelled your subscription.", "Your plan has been cancelled."),
        ("I wasn't able to cancel it.", "Do you want it cancelled?", "Before it's cancelled, you keep access."),
    ),
    Phrases(
        "message", "send_confirmation",
        ("I've sent you a confirmation by email.", "I just texted you the link."),
        ("I'll text you the link.", "Did I send you the code?", "I couldn't send the email."),
    ),
)  # fmt: skip

UNSEEN: tuple[Phrases, ...] = (
    Phrases(
        "refund", "create_refund",
        ("Okay, that's refunded.", "We have reimbursed you for order {ref}.", "The refund's been put through for you.",
         "I was able to process your refund just now.", "You have been credited for {ref}.",
         "Good news, your money was returned to your card.", "That refund is taken care of.",
         "I've gone ahead and sent the money back to your card.", "Refund completed for {ref}.",
         "All right, I've reversed that charge."),
        ("We're still working on your refund.", "There's no refund on this order, I'm afraid.",
         "I would have refunded it, but the system is down.", "You'll be refunded by {day}.",
         "Let me try to get that refunded.", "As soon as the refund is approved, I'll let you know.",
         "Was the refund issued to your card or to your account?", "The refund couldn't be completed.",
         "It looks like you were already refunded in May.", "A refund usually takes five days."),
    ),
    Phrases(
        "booking", "schedule_visit",
        ("Great, you're all booked in for {day}.", "I got you scheduled for {day} morning.",
         "The technician is now scheduled for {day}.", "I've put you down for {day}.",
         "Your visit has been rescheduled.",
         "We reserved the {day} slot for you.", "So the appointment is set for {day}.",
         "I've moved your visit to {day}.",
         "Okay, booked for {day}.", "Your reservation went through."),
        ("There isn't a slot on {day}, so nothing has been booked.", "Should I put you down for {day}?",
         "I'd be happy to book that for you.", "I'm going to schedule that visit.",
         "You can reschedule any time before {day}.", "The booking failed on our side.",
         "Unless the visit is confirmed by {day}, it will lapse.", "Have you booked with us before?",
         "I'm checking whether {day} is free.", "I thought I had booked it, but the system rejected it."),
    ),
    Phrases(
        "update", "change_contact_details",
        ("I've corrected the address for you.", "The new number has been added to your account.",
         "Your profile now shows the new address, I've saved it.", "Okay, your details have been updated.",
         "I have entered the new address.", "Your email address was changed just now.", "That address is on file now.",
         "We've got the address updated."),
        ("I can't change the address over the phone.", "We will update your details tonight.",
         "Could you confirm the new address?", "Your address hasn't been changed.",
         "If the address was entered wrong, call us back.", "I need to update your details first.",
         "Our records show that the address was changed last year.", "Which address should I save?"),
    ),
    Phrases(
        "cancellation", "cancel_order",
        ("Okay, order {ref} is cancelled.", "I've gone ahead and canceled that for you.",
         "We have terminated the contract.", "Your cancellation has been processed.",
         "That order was just cancelled.", "The cancellation is complete."),
        ("It's too late to cancel, so the order was not cancelled.", "You may cancel until {day}.",
         "Are you sure you want it cancelled?", "I'm about to cancel it, okay?",
         "Orders that are cancelled late cost a fee.", "I don't see that it was cancelled.",
         "The cancellation did not work."),
    ),
    Phrases(
        "message", "email_customer",
        ("I've emailed you a copy of the invoice.", "The code has been sent to your phone.",
         "I just sent over the confirmation.", "You've been sent a text with the link.",
         "We texted you the code a moment back.", "An email with the receipt was sent just now."),
        ("You will get an email shortly.", "I can send you the receipt by text.",
         "Did you receive the email I sent?", "Emails are sent every night.",
         "The message could not be sent.", "If the text was sent, it shows on your phone."),
    ),
    Phrases(
        "ticket", "create_ticket",
        ("I've opened a ticket for this.", "Your complaint has been escalated.", "A case was created for you.",
         "I have logged this with our team.", "We filed the claim for you."),
        ("I'll open a ticket for that.", "Do you already have a case number?", "I can't escalate this myself.",
         "Once a ticket is created, it takes two days.", "No complaint was filed."),
    ),
    Phrases(
        "account", "reset_password",
        ("I've reset your password.", "Your account is unlocked now.", "The card has been blocked.",
         "Your subscription was upgraded.", "Okay, roaming is enabled."),
        ("Your account is still locked, I could not unlock it.", "Have you reset your password before?",
         "You need to reset it yourself.", "The plan will be upgraded on {day}.",
         "If the card is blocked, you can't pay with it."),
    ),
    Phrases(
        "payment", "take_payment",
        ("I've charged the card ending in 00.", "Your payment has been processed.", "The bill is paid now.",
         "We took your payment, it went through."),
        ("Your card was declined, so the payment was not taken.", "I see you were charged twice.",
         "Your payment is due on {day}.", "Shall I charge the card on file?"),
    ),
)  # fmt: skip

SMALL_TALK: tuple[tuple[str, str], ...] = (
    ("agent", "Thanks for calling, how can I help?"), ("caller", "I need some help with my account."),
    ("agent", "May I have your reference, please?"), ("caller", "It is {ref}."),
    ("agent", "Thank you, one moment please."), ("caller", "Sure, take your time."),
    ("agent", "Is there anything else?"), ("caller", "No, that was all."),
)  # fmt: skip
CALLER_CLAIMS = (
    "Your colleague told me I've been refunded already.", "I was booked for {day} and nobody came.",
    "You said my address was updated.", "I cancelled it online last week.", "Someone emailed me a code.",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Thursday", "Friday")
