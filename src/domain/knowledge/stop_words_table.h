/* Words that say nothing about the subject: STOP(language, words of every text, words that only a
 * question is framed with). Folded as terms are: lower case, without accents; single letters need
 * not be listed. */
// clang-format off
STOP("en",
    "a about above after again all also am an and any are as at be because been before being below between both but by can "
    "could did do does doing don down during each few for from further had has have having he her here hers him his how i if "
    "in into near is isn it its itself just me more most my no nor not of off on once only or other our ours out over own same she "
    "should so some such than that the their theirs them then there these they this those through to too under until up us "
    "very was we were what when where which while who whom whose why will with would you your yours ve ll re doesn didn won "
    "shall may might must upon per via let",
    "please tell know want need like likes wish get gets got give take takes much many long find say says explain hi hello hey "
    "dear thanks thank question questions ask asking wondering wonder help anything something someone somebody anyone "
    "thing things way far last lasts happen happens else possible able kind make maybe just really actually still ever im id come comes go "
    "goes work does include includes included including exactly lot use whats wheres hows whens pls plz thx ok okay cheers nearby now today "
    "got still guys ya ur hasn haven hadn wasn weren aren don couldn wouldn shouldn cannot based")
STOP("de",
    "aber alle allem allen aller alles als also am an ander andere anderen auch auf aus bei beim bin bis bist da damit dann "
    "das dass dein deine dem den der des dich die dies diese diesem diesen dieser dieses dir doch dort du durch ein eine einem "
    "einen einer eines er es etwas euch euer eure fur gegen gewesen hab habe haben hat hatte hatten hier hin hinter ich ihm "
    "ihn ihnen ihr ihre ihrem ihren ihrer im in indem ins ist ja jede jedem jeden jeder jedes jene jener kann kein keine "
    "keinen keiner konnen konnte man manche mein meine meinem meinen meiner mich mir mit muss nach nicht nichts noch nun nur "
    "ob oder ohne sehr sein seine seinem seinen seiner selbst sich sie sind so solche soll sollte sondern sonst uber um und "
    "uns unser unsere unserer unter viel vom von vor wahrend war waren warum was weg weil weiter welche welchem welchen "
    "welcher welches wenn werde werden wie wieder will wir wird wirst wo wollen wurde wurden zu zum zur zwar zwischen",
    "bitte gern gerne mochte mochten sagen sag wissen frage fragen hallo danke gibt geben lange wann wieviel viele kann darf "
    "durfen brauche brauchen helfen hilfe mal eigentlich wohl denn guten tag")
STOP("fr",
    "a ai aie ait alors as au aucun aucune aussi autre autres aux avait avant avec avez avoir avons c ce ceci cela celle celui "
    "ces cet cette ceux chaque ci comme d dans de des deux donc dont du elle elles en encore entre es est et etaient etait "
    "ete etes etre eu fait faire il ils j je jusqu l la le les leur leurs lors lui m ma mais me meme memes mes moi mon n ne "
    "ni nos notre nous on ont ou par parce pas pendant peu peut plus pour pourquoi qu quand que quel quelle quelles quels qui "
    "quoi s sa sans se sera ses si soit son sont sous sur t ta te tes toi ton tous tout toute toutes tres trop tu un une va "
    "vers vos votre vous y",
    "bonjour merci svp plait puis pouvez pouvons veux voudrais voulez dire dites savoir besoin combien comment temps long "
    "longtemps question aide aider cherche trouver aimerais prend")
STOP("es",
    "a al algo algun alguna algunas alguno algunos ante antes aqui asi aun aunque cada como con contra cual cuando de del "
    "desde donde dos durante e el ella ellas ello ellos en entre era eran es esa esas ese eso esos esta estaba estan estar "
    "estas este esto estos fue fueron ha hace hacia han hasta hay la las le les lo los mas me mi mis mucho muy nada ni no nos "
    "nosotros nuestra nuestro o os otra otras otro otros para pero poco por porque que quien quienes se sea ser si sido sin "
    "sobre son su sus tambien tanto te tiene tienen toda todas todo todos tu tus un una unas uno unos usted ustedes y ya yo",
    "hola gracias favor puedo puede pueden quiero quisiera decir dime saber necesito cuanto cuanta cuantos cuantas tiempo "
    "pregunta ayuda ayudar buscar encontrar tengo largo tarda")
STOP("it",
    "a ad agli ai al alla alle allo altre altri altro anche ancora avere c che chi ci cio come con contro cosi cui da dagli "
    "dai dal dalla dalle dallo degli dei del dell della delle dello di dopo dove due e ed era erano essere fa fare fra fu gia "
    "gli ha hai hanno ho i il in io l la le lei li lo loro lui ma me mi mia mie miei mio molto ne negli nei nel nella nelle "
    "nello noi nostra nostro o ogni per perche piu poi prima qua quale quali quando quanto quella quelle quelli quello questa "
    "queste questi questo qui s se sei senza si sia siamo siete solo sono sopra sotto su sua sue sugli sui sul sulla suo suoi "
    "tra tu tua tue tuo tutta tutte tutti tutto un una uno vi voi vostra vostro",
    "ciao salve grazie favore posso puo possono voglio vorrei dire dimmi sapere bisogno quanta quanti quante tempo domanda "
    "aiuto aiutare cercare trovare lungo")
STOP("pt",
    "a ao aos aquela aquele aquilo as ate com como da das de dela dele depois do dos e ela elas ele eles em entre era essa "
    "essas esse esses esta estao estar estas este estes eu foi for foram ha isso isto ja la lhe lhes lo mais mas me mesmo meu "
    "meus minha minhas muito na nao nas nem no nos nossa nosso num numa o onde os ou para pela pelas pelo pelos por porque "
    "qual quais quando que quem se sem ser seu seus so sob sobre sua suas tambem te tem tinha tu tua um uma umas uns voce "
    "voces",
    "ola oi obrigado obrigada favor posso pode podem quero queria gostaria dizer diga saber preciso quanto quanta quantos "
    "quantas tempo pergunta ajuda ajudar procurar encontrar tenho demora")
STOP("nl",
    "aan al alle alles als ben bij daar dan dat de deze die dit doch doen door dus een eens en er ge geen geweest haar had "
    "heb hebben heeft hem het hier hij hoe hun iemand iets ik in is ja je jij jou jouw kan kon kunnen maar me meer men met "
    "mij mijn moet na naar niet niets nog nu of om omdat ons onze ook op over reeds te tegen toch toen tot u uit uw van veel "
    "voor waar waarom wanneer want waren was wat we wel welk welke werd wezen wie wij wil worden wordt zal ze zelf zich zij "
    "zijn zo zonder zou",
    "hallo dank bedankt graag alstublieft alsjeblieft mag wilt weten zeggen vraag vragen nodig hoeveel lang help helpen "
    "vinden zoeken krijg duurt")
STOP("pl",
    "a aby albo ale ani az bardzo bez bo by byc byl byla bylo byly bym ci cie co czy czyli dla do gdy gdzie go i ich ile im "
    "inne innych ja jak jaka jaki jakie jako je jego jej jest jestem jesli jeszcze juz kazdy kiedy kto ktora ktore ktorego "
    "ktory ktorych ktorzy lub ma maja mam mi mnie moj moja moje moze mozna my na nad nam nas nasz nasza nasze nic nich nie "
    "niz o od on ona one oni oraz po pod poniewaz przed przez przy sa sie ta tak takie tam te tego tej ten to tu twoj ty tych "
    "tylko tym u w was we wiec wszystko z za ze zeby",
    "prosze dzien dobry czesc dziekuje chce chcialbym chcialabym moge mozecie powiedziec wiedziec potrzebuje pytanie pomoc "
    "pomoz dlugo znalezc szukam")
STOP("hr",
    "a ako ali bez bi bih bila bili bilo bio biti bismo bit ce cemo ces cu da do dok ga gdje godine i ih ili im iz ja je jer "
    "jesam jesi jesmo jest jeste jesu joj jos kad kada kako kao ko koja koje koji kojih kojoj koju li me mene meni mi moj "
    "moja moje mu na nad nakon nam nas nase nasa ne nego neka neki nema nesto ni nije nisam nismo nisu no njega njegov njih "
    "o od on ona oni ono ova ovaj ove ovo pa po pod prema pri s sa sam samo se sebe si smo sta ste sto su sve svi svoj ta "
    "taj tako te ti to toga tu u uz va vam vas vase vasa vec vi vise za zar zasto zbog",
    "molim pozdrav bok hvala zelim zelio zeljela mogu mozete moze reci znati trebam pitanje pomoc pomozite koliko dugo naci "
    "traziti ima imate traje")
STOP("ar",
    "من في على الى إلى عن مع هذا هذه ذلك تلك التي الذي الذين هو هي هم نحن انا أنا انت أنت كان كانت يكون قد لقد لا لم لن ما "
    "ماذا متى اين أين كيف كم هل او أو و ثم اذا إذا ان أن إن كل بعد قبل بين عند حتى غير فقط اي أي ب ل ك",
    "مرحبا شكرا فضلك اريد أريد يمكن يمكنني سؤال مساعدة احتاج أحتاج")
// clang-format on
