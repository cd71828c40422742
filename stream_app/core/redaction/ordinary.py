"""The only place for the ordinary words of telephone talk: words that are no name, and turns that need no model.

A list of our own. `ORDINARY` holds what is never masked as a name on a cue alone; `ALSO_NAMES` are words of it that
people are called by, and which count as names where a strong cue stands before them.
"""

from __future__ import annotations

from stream_app.core.redaction.lexicon import words

ALSO_NAMES = words(
    """
    mark grace may will rose hope faith bill art frank jack dean chad april june august summer dawn joy pat rich
    rob sue penny victor christian guy drew chase grant ray jean ruby amber angel autumn brook carol chance chuck
    dale earl gene glen hunter iris ivy jade lance lily marina mason max melody miles nick pearl reed rusty sandy
    sky stone wade ward wood young king long white black brown green gray day love price banks field fox bell cook
    baker carter cooper fisher hill lane law little major marsh moss parks pope post rice sharp short small snow
    weeks west wise wolf woods
    """
)

ORDINARY = ALSO_NAMES | words(
    """
    a an the i me my mine myself you your yours yourself he him his she her hers it its we us our ours they them
    their theirs this that these those who whom whose which what where when why how there here some any each every
    all both either neither none no nor not yes yeah yep yup nope ok okay alright right sure fine good great
    perfect excellent wonderful awesome cool nice well please thanks thank welcome sorry hello hi hey bye goodbye
    morning afternoon evening night today tonight tomorrow yesterday now then later soon already still yet again
    always never often sometimes usually maybe perhaps probably actually really very quite just only even also too
    so such as if or and but because since until while though although however than about above across after
    against along among around at before behind below beneath beside besides between beyond by down during except
    for from in inside into like near of off on onto out outside over past through throughout to toward towards
    under up upon with within without be am is are was were been being isn't aren't wasn't weren't do does did done
    doing don't doesn't didn't have has had having haven't hasn't can could can't couldn't cannot shall should
    shouldn't would wouldn't might must won't i'm i'd i'll i've you're you'd you'll you've he's she's it's we're
    we'd we'll we've they're they'd they'll they've that's there's here's what's who's where's how's let's let get
    gets got gotten getting go goes went gone going come comes came coming make makes made making take takes took
    taken taking give gives gave given giving see sees saw seen seeing look looks looked looking know knows knew
    known knowing think thinks thought thinking say says said saying tell tells told telling ask asks asked asking
    want wants wanted need needs needed needing use uses used using find finds found finding try tries tried trying
    call calls called calling work works worked working help helps helped helping talk talking talked speak speaks
    speaking spoke spoken hear heard hearing listen read reads reading write writes wrote written writing spell
    spelled spelling pay pays paid paying buy buys bought buying sell send sends sent sending receive receives
    received receiving bring brings brought keep keeps kept leave leaves left leaving put puts set sets change
    changes changed changing update updates updated updating check checks checked checking confirm confirms
    confirmed confirming verify verified verifying cancel cancels cancelled canceled cancelling canceling order
    orders ordered ordering ship ships shipped shipping deliver delivered delivery return returned returning refund
    refunded replace replaced replacement reset resetting reschedule rescheduled schedule scheduled transfer
    transferred transferring open opened close closed closing start started starting stop stopped stopping begin
    began end ended ending expire expires expired expiring wait waited waiting hold holding place placed pull
    pulled move moved run running show shows showed shown turn turned happen happened happens seem seems feel feels
    felt become became mean means meant believe guess hope hopes wish remember forget forgot understand understood
    explain increase decrease add added adding remove removed lose lost losing live lives living stay stayed
    appreciate apologize assist assistance assistant provide provided offer offers offered include includes
    included access accessed sign signed signing log logged login logging press pressed enter entered click
    download install installed connect connected disconnect disconnected bear reach reached text texted texting
    email emails mail mails message messages phone phones cell mobile callback number numbers digit digits code
    codes card cards account accounts bank banks banking branch credit debit visa mastercard charge charges charged
    bill bills billed billing balance payment payments statement statements fee fees deposit check checking savings
    loan mortgage money dollar dollars cent cents percent amount total cost costs price prices discount rate rates
    interest name names first last middle maiden full family user username password passwords pin security social
    address addresses street avenue road drive lane boulevard court apartment apt unit suite floor city town state
    country zip postal area home house office location mailing residence date birth birthday born year years month
    months week weeks day days hour hours minute minutes second seconds time times moment moments january february
    march april june july august september october november december monday tuesday wednesday thursday friday
    saturday sunday weekend spring fall winter zero one two three four five six seven eight nine ten eleven twelve
    thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty
    ninety hundred thousand million billion double triple once twice half quarter third fourth fifth sixth seventh
    eighth ninth tenth dozen couple few many much more most less least lot lots several enough other others another
    same different new old big large high low early late best better bad worse worst next previous able available
    possible ready busy free easy hard simple quick quickly slow fast happy glad sad afraid worried interested
    important urgent special certain clear correct incorrect wrong true false real own whole entire main current
    currently recent recently complete completed completely regular normal standard available extra additional
    final finally online offline automatic automated virtual real voice agent agents representative representatives
    supervisor manager customer customers client member members membership service services support department team
    company business corporation store shop shops website site page app application internet web computer laptop
    device screen system software program product products item items package packages box model version cable
    cables tablet tv television television's router modem network wifi signal connection speed data plan plans
    contract policy policies insurance claim claims coverage health medical doctor dr nurse hospital clinic
    pharmacy prescription patient appointment appointments visit visits dental vision emergency flight flights
    ticket tickets airport airline hotel room rooms reservation reservations booking trip travel car cars vehicle
    truck bus train taxi ride driver license passport id identification ids document documents form forms file
    files record records information info detail details question questions answer answers problem problems issue
    issues reason reasons case cases request requests response option options choice choices kind type types part
    parts piece way ways thing things something anything everything nothing someone anyone everyone somebody
    anybody everybody nobody people person persons man men woman women guy guys sir ma'am madam mister miss mrs ms
    mr lady gentleman child children kid kids baby son daughter wife husband spouse partner mother mom father dad
    parent parents brother sister friend friends uncle aunt cousin boss neighbor roommate girlfriend boyfriend
    grandmother grandfather guardian owner school university college class student teacher job life world water
    electric electricity gas power energy outage utility meter rent food restaurant dinner lunch breakfast coffee
    pizza table movie movies music song songs game games book books news party event events meeting conference
    group side front back top bottom north south east west line lines list lists point points end note notes idea
    plan example copy receipt invoice tracking status report reports offer promotion sale gift reward rewards bonus
    cash coupon warranty protection subscription trial monthly yearly annual annually weekly daily hourly per via
    etc plus minus dash hyphen dot underscore slash space letter letters capital uppercase lowercase spelled uh um
    er ah erm hmm mm mhm huh oh wow gosh ouch gonna wanna gotta kinda sorta cause yall alrighty absolutely
    definitely certainly exactly totally basically literally simply especially instead rather almost nearly far
    away together apart alone ahead forward backward straight left up down there's everything's nothing's else ever
    anymore anyway whatever whenever wherever whoever ago per each both authorized authorize authorization
    verification verify identity confirm confirmation secure fraud fraudulent suspicious activity transaction
    transactions purchase purchases block blocked unlock locked lock freeze frozen activate activated activation
    deactivate expiration expiry routing wire direct transferring withdraw withdrawal limit limits overdraft
    declined approved approve pending process processed processing processor hold system's brief briefly shortly
    patience patient understanding kindly happily unfortunately fortunately hopefully honestly obviously apparently
    evidently glitch error errors mistake mistakes broken fix fixed fixing repair repaired warehouse inventory
    stock shelf size color colors red blue green yellow orange purple pink silver gold inch inches feet foot pound
    pounds mile miles degree degrees temperature weather rain snow sun hot cold warm o'clock am pm noon midnight
    nowhere anywhere somewhere everywhere handy reached you've reaching recorded recording quality purposes
    training monitored english spanish language press main menu hang hung dial dialed redial extension voicemail
    mailbox tone beep mute speaker volume louder quieter bit little slower faster repeat repeats repeated sound
    sounds sounded cut cutting breaking static noise background kids dog dogs cat cats pet pets yard garden door
    doors window windows kitchen bathroom bedroom key keys bag bags shoe shoes shirt dress pants jacket coat hat
    watch ring glasses charger battery batteries printer camera keyboard mouse headphones sell selling sold worth
    value values expect expected expecting hear happens let's bother bothering bothered trouble worry save saved
    saving savings spend spent earn earned owe owed owes borrow afford cover covers covered apply applied applies
    applying qualify qualified eligible approve require requires required requirement requirements allow allows
    allowed accept accepts accepted agree agreed agreement disagree decide decided decision choose chose chosen
    prefer preferred suggest suggested recommend recommended notice noticed notify notified notification alert
    alerts alerted warn warning remind reminder attend join joined follow followed following continue continued
    continuing proceed finish finished return sit stand walk fly drive eat drink sleep wake play watch learn study
    grow build cut break catch hit throw win won lead led meet met serve served treat treated manage managed handle
    handled deal dealt sort sorted figure figured count counted measure measured figure calling's store's plan's
    it'll that'll there'll who'll whats thats its dont cant wont didnt isnt im ive id ill youre theyre lets hes
    shes weve wed youve theres heres
    """
)
